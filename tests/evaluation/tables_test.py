"""Tables say what the metrics say of the rows."""

from __future__ import annotations

import pytest

from compression import metrics
from compression.evaluation.means import MS_SSIM_DB, PSNR, means
from compression.evaluation.tables import (
  all_tables,
  auc_table,
  bd_rate_table,
  check_table,
  markdown,
  rates_table,
  settings_table,
  throughput_table,
)
from compression.evaluation.throughput import Throughput
from compression.metrics import published
from tests.evaluation.examples import KODAK, curve, network

RATES = (0.1, 0.3, 0.6, 1.2, 2.4)
ANCHOR = curve("jpeg420", [(rate, 25 + 5 * i) for i, rate in enumerate(RATES)])
TWICE = curve("twice", [(2 * rate, 25 + 5 * i) for i, rate in enumerate(RATES)])
POOR = curve("poor", [(1.0, 5.0), (1.5, 6.0)])


def test_settings_of_a_network_and_the_paper_only_for_kodak() -> None:
  points = network("m", [(0.1, 20.0), (0.2, 25.0)], ["a.png"])
  points += network("m", [(0.1, 30.0), (0.2, 35.0)], ["b.png"])
  text = markdown(settings_table(means(points), kodak=False))
  assert text.splitlines() == [
    "| iterations | bpp | PSNR dB | MS-SSIM |",
    "| ---: | ---: | ---: | ---: |",
    "| 1 | 0.100 | 25.00 | 0.9342 |",
    "| 2 | 0.200 | 30.00 | 0.9630 |",
  ]
  points = network("m", [(0.1, 20.0), (0.125, 21.0), (0.1875, 22.0), (2.5, 40.0)], KODAK)
  table = settings_table(means(points), kodak=True)
  assert table.heads[-2:] == ["paper PSNR dB", "paper MS-SSIM"]
  first, second = published.TODERICI_2017_KODAK[:2]
  between = f"{(first.psnr + second.psnr) / 2:.2f}", f"{(first.ms_ssim + second.ms_ssim) / 2:.4f}"
  # At the same bits per pixel, and not outside the paper's rates.
  assert [tuple(row[-2:]) for row in table.rows] == [
    ("-", "-"), ("23.01", "0.8191"), between, ("-", "-"),
  ]  # fmt: skip


def test_settings_of_a_library() -> None:
  text = markdown(settings_table(means(curve("jpeg420", [(0.5, 20.0)], KODAK)), kodak=True))
  assert text.splitlines()[0] == "| setting | bpp | PSNR dB | MS-SSIM |"
  assert text.splitlines()[2] == "| 1 | 0.500 | 20.00 | 0.9000 |"


def test_rates_lie_on_lines_and_not_outside_the_points() -> None:
  table = rates_table(means(curve("c", [(0.25, 20.0), (1.0, 32.0)])), PSNR, kodak=False)
  assert table.heads == [
    "codec",
    *(f"{rate} bpp" for rate in ("0.125", "0.25", "0.5", "0.75", "1", "1.5", "2")),
  ]
  assert table.rows == [["c", "-", "20.00", "24.00", "28.00", "32.00", "-", "-"]]
  assert markdown(table).splitlines()[1].startswith("| :--- | ---: |")


def test_published_points_are_rows_for_kodak() -> None:
  table = rates_table(means(curve("c", [(0.25, 20.0), (1.0, 32.0)], KODAK)), PSNR, kodak=True)
  assert table.rows[1][0] == "Toderici et al. 2017, nominal bpp (published)"
  assert table.rows[1][1:4] == ["23.01", "25.65", "28.27"]
  assert table.rows[2][0] == "Johnston et al. 2017 (published)"


def test_areas_are_ranked_as_in_the_paper() -> None:
  table = auc_table(means(TWICE + ANCHOR + POOR), kodak=False)
  assert table.heads == ["codec", "rank", "MS-SSIM AUC", "rank", "PSNR-HVS AUC"]
  assert [row[:2] for row in table.rows] == [["jpeg420", "1"], ["twice", "2"], ["poor", "3"]]
  expected = metrics.area_under_curve(RATES, [point.ms_ssim for point in ANCHOR])
  assert table.rows[0][2] == f"{expected:.4f}"
  expected = metrics.area_under_curve(RATES, [point.psnr_hvs for point in ANCHOR])
  assert table.rows[0][3:] == ["1", f"{expected:.2f}"]
  beside = auc_table(means(curve("c", [(0.5, 30.0)], KODAK)), kodak=True).rows[-2:]
  assert [row[1:] for row in beside] == [["", "1.8116", "", "-"], ["", beside[1][2], "", "-"]]


def test_what_has_no_area_has_no_rank() -> None:
  outside = curve("outside", [(2.5, 50.0)])
  table = auc_table(means(outside + ANCHOR), kodak=False)
  assert [row[:2] for row in table.rows] == [["jpeg420", "1"], ["outside", "-"]]
  assert table.rows[1][2:] == ["-", "-", "-"]


def test_bd_rates_are_against_the_anchor() -> None:
  table = bd_rate_table(means(ANCHOR + TWICE + POOR), kodak=False)
  assert table is not None
  assert table.heads == ["codec", "PSNR", "MS-SSIM", "PSNR-HVS"]
  assert table.rows[0] == ["twice", "+100.0%", "+100.0%", "+100.0%"]
  assert table.rows[1] == ["poor", "-", "-", "-"]  # qualities that the anchor never has
  assert bd_rate_table(means(TWICE), kodak=False) is None
  assert bd_rate_table(means(ANCHOR), kodak=False) is None
  beside = bd_rate_table(means(ANCHOR), kodak=True)
  assert beside is not None and [row[-1] for row in beside.rows] == ["-", "-"]
  assert beside.rows[0][1] != "-" and beside.rows[0][2] != "-"


def test_throughput_of_one_thread_and_all() -> None:
  assert throughput_table([]) is None
  rows = [
    Throughput("webp", 60, 1, 0.5, 0.25, "4 x cpu"),
    Throughput("webp", 60, 4, 0.4, 0.125, "4 x cpu"),
  ]
  table = throughput_table(rows)
  assert table is not None
  assert table.rows == [["webp", "60", "0.500", "0.400", "0.250", "0.125"]]
  assert "nearest to 0.5 bits per pixel, on 4 x cpu" in table.note
  alone = throughput_table([rows[0]._replace(threads=1)] * 2)  # of a machine with one processor
  assert alone is not None and alone.rows[0][2:] == ["0.500", "0.500", "0.250", "0.250"]


def test_the_check_is_against_published_jpeg() -> None:
  points = [
    point._replace(codec="jpeg420_baseline", psnr=there.psnr - 0.1, ms_ssim=there.ms_ssim)
    for there in published.JPEG_420_KODAK[5:7]
    for point in curve("x", [(there.bpp, 1.0)], KODAK)
  ]
  for number, point in enumerate(points):
    points[number] = point._replace(setting=1 + number // 24)
  table = check_table(means(points))
  assert table is not None and len(table.rows) == 2
  assert [row[2] for row in table.rows] == ["-0.10", "-0.10"]
  assert [row[4] for row in table.rows] == ["+0.0000", "+0.0000"]
  assert check_table(means(ANCHOR)) is None


def test_all_tables_leave_out_the_check_codec_but_in_its_own() -> None:
  check = curve("jpeg420_baseline", [(0.5, 29.0), (1.0, 32.0)], KODAK)
  anchor = curve("jpeg420", [(0.5, 30.0), (1.0, 33.0)], KODAK)
  tables = all_tables(means(check + anchor), kodak=True)
  titles = [table.title for table in tables]
  assert titles[:5] == [
    "PSNR (dB)",
    "MS-SSIM (dB)",
    "PSNR-HVS (dB)",
    "Area under the curve",
    "BD-rate against jpeg420",
  ]
  assert titles[5] == "JPEG 4:2:0 without optimised Huffman tables" and len(titles) == 6
  assert "jpeg420_baseline" not in "".join(map(markdown, tables))
  assert len(all_tables(means(check + anchor), kodak=False)) == 4  # no BD-rate of anything


def test_bits_and_seconds_stand_in_one_table() -> None:
  seconds = [Throughput("twice", 3, threads, 0.5, 0.25, "2 x cpu") for threads in (1, 2)]
  seconds += [Throughput("jpeg420", 2, threads, 0.1, 0.2, "2 x cpu") for threads in (1, 2)]
  table = all_tables(means(ANCHOR + TWICE + POOR), kodak=False, throughput=seconds)[-1]
  assert table.title == "BD-rate against jpeg420, seconds per megapixel"
  assert table.heads[:6] == [
    "codec",
    "PSNR",
    "MS-SSIM",
    "PSNR-HVS",
    "setting",
    "compress, 1 thread",
  ]
  assert table.rows == [
    ["twice", "+100.0%", "+100.0%", "+100.0%", "3", "0.500", "0.500", "0.250", "0.250"],
    ["poor", "-", "-", "-", "-", "-", "-", "-", "-"],
    ["jpeg420", "-", "-", "-", "2", "0.100", "0.100", "0.200", "0.200"],
  ]
  alone = all_tables(means(TWICE), kodak=False, throughput=seconds)[-1]
  assert alone.title == "Seconds per megapixel"


def test_ms_ssim_at_a_rate_is_in_decibels() -> None:
  table = rates_table(means(curve("c", [(0.5, 20.0)])), MS_SSIM_DB, kodak=False)
  assert table.rows[0][3] == "10.00"
  assert float(table.rows[0][3]) == pytest.approx(10)
