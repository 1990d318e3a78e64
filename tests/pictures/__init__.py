"""The pictures of the documentation: `script/pictures`. Each maker knows its pictures by name.

picture.py    a picture: its name and how it is made
screens.py    the operator's screen at its main moments, as SVG, without any other program
tutorial.py   the moments that the tutorial tells of, as SVG
named.py      finds the pictures that the documentation shows
svg.py        lines of a terminal as SVG
pages.py      the pages of a host, as PNG; needs Chromium
browser.py    takes a picture of a page in a headless Chromium
"""
