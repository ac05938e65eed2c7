"""Compares codecs on photos: real files, their quality, and what is made of the numbers.

    codecs, pillow_codecs, model_codecs   an image to bytes and back, at each setting of a codec
    points       an image at a setting: a row of the results
    results      the rows on disk, safe from being killed
    throughput   seconds per megapixel, with one thread and with all
    means, tables, plots, summary         what is shown

Nothing here imports TensorFlow before a network or MS-SSIM is computed.
"""
