"""Has the name of a file in another folder: needs the import mode of the project."""

import subprocess
import sys

from bookshop import Shelf


def test_description_has_every_title():
    shelf = Shelf()
    shelf.add("Emma", 700)
    shelf.add("Persuasion", 600)
    assert shelf.describe().splitlines() == ["Emma: 1", "Persuasion: 1"]


def test_child_process_finds_the_tree():
    subprocess.run([sys.executable, "-c", "import bookshop"], check=True)
