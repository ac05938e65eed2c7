"""A report of photos that went through a model: one HTML file, which needs no network.

pictures    images as parts of a page, and how far what is stored is from what was computed
opponents   JPEG files of as many bytes as ours
photos      a photo at each iteration, beside JPEG: what viewer.js shows
curves      plots and tables of an evaluation
page        all of it, put into page.html with page.css and page.js
"""
