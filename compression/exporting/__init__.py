"""Models for programs that do not have this package: one folder with all the formats.

    <export_dir>/encoder/1, decoder/1   saved_model.py: TensorFlow SavedModels, and what they
                                        are made of:
        loops.py                        the loops over E and D
        packing.py                      bits in bytes, padding and cropping
        rnic.py, checksums.py           `.rnic` files, made and read by the graph
        photos.py                       PNG and JPEG files
        checks.py                       what is refused, and in which words
        warmup.py                       the requests that a server runs before the first one
    <export_dir>/tflite                 tflite.py: TensorFlow Lite decoders, for phones;
                                        eight_bits.py rounds weights, tflite_player.py runs
                                        them
    <export_dir>/web                    web.py: a page that decodes and makes files in a
                                        browser, with encoder_step.py;
                                        web_files.py: what it is made of;
                                        web_player.py runs it in Chromium

benchmark.py and web_benchmark.py measure what is exported. Everything in a graph is a core
TensorFlow operation.
"""

TFLITE_FOLDER = "tflite"

WEB_FOLDER = "web"

EXPORTED = ("encoder", "decoder", TFLITE_FOLDER, WEB_FOLDER)
"""What an export folder holds; `--overwrite` replaces no folder in which there is anything else."""

DYNAMIC = "dynamic"
"""The variant of TensorFlow Lite files that loses less if it is made with the help of photos."""

INT8 = "int8"
"""The variant that cannot be made without."""

VARIANTS = ("float32", "float16", DYNAMIC, INT8)

WEB_VARIANTS = ("float16", DYNAMIC, "float32")
"""Those that the page can have. The first is its default for models without a decoder in int8."""
