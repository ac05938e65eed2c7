"""The 0/1 masks of the entropy coder: what a convolution may see of what is not decoded yet.

Those of the masked convolutions in the 2017 release of Toderici et al. (CVPR 2017). Kernels are
[height, width, in, out]; every mask is float32 and has that rank, with 1 along the axes on which it
does not depend, so that `kernel * mask` is the masked kernel. The order in which places are coded
is the raster scan: row by row from the top, each from left to right.

In the grids `x` is the place that is predicted (the centre of the kernel), `T` (1) is seen and `F`
(0) is not.
"""

from __future__ import annotations

import numpy as np


def raster_scan(kernel_size: tuple[int, int], strict: bool) -> np.ndarray:
  """Sees the rows above, and of its own row what lies to the left; without `strict` itself too.

      strict 3x5     not strict 3x5     strict 1x3     not strict 1x3
      T T T T T        T T T T T          T x F            T x F
      T T x F F        T T x F F           x: F             x: T
      F F F F F        F F F F F
        x: F             x: T

  Returns: float32 [height, width, 1, 1].

  Raises:
    ValueError: if a side is even, as such a kernel has no centre.
  """
  row, column = _centre(kernel_size)
  mask = np.ones([*kernel_size, 1, 1], np.float32)
  mask[row, column + (0 if strict else 1) :] = 0
  mask[row + 1 :] = 0
  return mask


def depth_order(depth_in: int, depth_out: int, strict: bool) -> np.ndarray:
  """Output depth n sees the input depths k < n, without `strict` k <= n; at every place.

      strict, 4 to 6     not strict, 4 to 6      (rows: inputs, columns: outputs)
      F T T T T T           T T T T T T
      F F T T T T           F T T T T T
      F F F T T T           F F T T T T
      F F F F T T           F F F T T T

  Returns: float32 [1, 1, depth_in, depth_out].
  """
  return _order(depth_in, depth_out, strict)[np.newaxis, np.newaxis]


def group_raster_scan(
  kernel_size: tuple[int, int],
  depth_in: int,
  depth_out: int,
  group_in: int,
  group_out: int,
  strict: bool,
) -> np.ndarray:
  """The raster scan between places, and at the centre the depth order between groups of depths.

  Inputs form groups of `group_in` depths, outputs of `group_out`. Output group n sees at the centre
  the input groups k < n, without `strict` k <= n.

      3x3        x, strict, 4 to 6 in groups of 2 and 2     x, not strict
      T T T                  F F T T T T                     T T T T T T
      T x F                  F F T T T T                     T T T T T T
      F F F                  F F F F T T                     F F T T T T
                             F F F F T T                     F F T T T T

  With more output than input groups the last output groups see all of the centre; here strict too,
  where the release fails with an IndexError.

  Returns: float32 [height, width, depth_in, depth_out].

  Raises:
    ValueError: if a side is even, or a depth is not a multiple of its group.
  """
  for depth, group in ((depth_in, group_in), (depth_out, group_out)):
    if group < 1 or depth % group:
      raise ValueError(f"a depth must be a multiple of its group. Received: {depth}, {group}")
  row, column = _centre(kernel_size)
  groups = _order(depth_in // group_in, depth_out // group_out, strict)
  mask = np.tile(raster_scan(kernel_size, strict=True), [1, 1, depth_in, depth_out])
  mask[row, column] = np.kron(groups, np.ones([group_in, group_out], np.float32))
  return mask


def in_filling(kernel_size: tuple[int, int]) -> np.ndarray:
  """Sees everything around it, but not itself.

      3x5
      T T T T T
      T T x T T      x: F
      T T T T T

  Returns: float32 [height, width, 1, 1].

  Raises:
    ValueError: if a side is even, or the kernel is 1x1 and would see nothing.
  """
  row, column = _centre(kernel_size)
  if tuple(kernel_size) == (1, 1):
    raise ValueError("a kernel of 1x1 has no place but its centre")
  mask = np.ones([*kernel_size, 1, 1], np.float32)
  mask[row, column] = 0
  return mask


def _centre(kernel_size: tuple[int, int]) -> tuple[int, int]:
  height, width = kernel_size
  if height % 2 == 0 or width % 2 == 0:
    raise ValueError(f"kernel_size must be odd, to have a centre. Received: {kernel_size}")
  return height // 2, width // 2


def _order(inputs: int, outputs: int, strict: bool) -> np.ndarray:
  """float32 [inputs, outputs]: 1 where input k < output n, without `strict` k <= n."""
  k, n = np.arange(inputs)[:, np.newaxis], np.arange(outputs)
  return (k < n if strict else k <= n).astype(np.float32)


PASSES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""(row, column) modulo 2 of the places of each pass of the interlaced order."""


def interlaced(kernel_size: tuple[int, int]) -> np.ndarray:
  """Sees the places of earlier passes of the interlaced order, on all sides; not its own pass.

      order      pass 0     pass 1     pass 2     pass 3, 3x3
      0 2 0      F F F      T F T      F T F      T T T
      3 1 3      F x F      F x F      T x T      T x T
      0 2 0      F F F      T F T      F T F      T T T

  Places of a pass are predicted together, so a layer takes four steps whatever its size. Not in
  the release; a checkerboard (He et al., CVPR 2021) has the two halves only.

  Returns: float32 [4, height, width, 1, 1], a mask for each pass.

  Raises:
    ValueError: if a side is even, as such a kernel has no centre.
  """
  row, column = _centre(kernel_size)
  pass_of = {place: number for number, place in enumerate(PASSES)}
  mask = np.zeros([len(PASSES), *kernel_size, 1, 1], np.float32)
  for number, (top, left) in enumerate(PASSES):
    for i in range(kernel_size[0]):
      for j in range(kernel_size[1]):
        mask[number, i, j] = pass_of[(top + i - row) % 2, (left + j - column) % 2] < number
  return mask
