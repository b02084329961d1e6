#!/usr/bin/env python3
"""Keep a bare git repository whose commits are real releases of a real library.

    releases.py import --repository DIR [--count N]   import the first N releases
    releases.py next   --repository DIR               add the release after those
    releases.py list                                  show the releases

boltons (BSD) is pure Python, ships its tests with every source distribution,
and its suite needs pytest alone and takes three seconds. Every release becomes
one commit on `main`, with a fixed author and the release's own date, so that the
same release has the same SHA everywhere. Source distributions are verified
against the digests below; none of their code runs.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tarfile
import tempfile

import pypi

PROJECT = "boltons"
BRANCH = "main"
# version, date of the upload, sha256 of the source distribution
RELEASES = [
    ("24.0.0", "2024-03-31T21:24:08+00:00", "7153feccaea1ff2e1472f68d4b57fadb796a2ee49d29f638f1c9cd8fb5ebd916"),
    ("24.1.0", "2024-11-02T03:37:32+00:00", "4a49b7d57ee055b83a458c8682a2a6f199d263a8aa517098bda9bab813554b87"),
    ("25.0.0", "2025-02-03T05:57:59+00:00", "e110fbdc30b7b9868cb604e3f71d4722dd8f4dcb4a5ddd06028ba8f1ab0b5ace"),
    ("26.0.0", "2026-06-19T06:10:41+00:00", "5566d6cfd5a1e873d8e8476496287a9f92979964611ad9a9cecb6b0ef29b1edd"),
    ("26.1.0", "2026-07-17T18:38:42+00:00", "5764468aba493b15995ed17f46a16789023f123ca2a62d491a9ce825c1cbe26c"),
    ("26.2.0", "2026-09-07T10:48:17+00:00", "d39cfd15c1a1c3bd4d705c82252fa9edb8e4f5e8cc039f8e39afac7b1b47e92c"),
]
# What the packaging tool wrote into the archive; the project does not keep it.
GENERATED = ("PKG-INFO", "boltons.egg-info")
MAX_MEMBER_BYTES = 8 << 20
IDENTITY = {
    "GIT_AUTHOR_NAME": "boltons releases",
    "GIT_AUTHOR_EMAIL": "releases@example.invalid",
    "GIT_COMMITTER_NAME": "boltons releases",
    "GIT_COMMITTER_EMAIL": "releases@example.invalid",
    # The user's own settings (signing, hooks, line ends) would change the SHAs.
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
}


def main():
    parser = argparse.ArgumentParser(description="a git repository of boltons releases")
    commands = parser.add_subparsers(dest="command", required=True)
    for name in ("import", "next"):
        command = commands.add_parser(name)
        command.add_argument("--repository", required=True, type=pathlib.Path)
        if name == "import":
            command.add_argument("--count", type=int, default=len(RELEASES) - 1)
    commands.add_parser("list")
    options = parser.parse_args()
    if options.command == "list":
        show()
    elif options.command == "import":
        import_releases(options.repository, options.count)
    else:
        import_releases(options.repository, imported(options.repository) + 1)


def show():
    for version, date, _ in RELEASES:
        print(version, date[:10])


def import_releases(repository, count):
    """Bring the repository to the first `count` releases; those it has are kept."""
    if not 1 <= count <= len(RELEASES):
        sys.exit(f"there are {len(RELEASES)} releases, no {count}")
    if not repository.exists():
        git(repository.parent, "init", "--quiet", "--bare", f"--initial-branch={BRANCH}", str(repository))
    for version, date, sha256 in RELEASES[imported(repository):count]:
        archive = pypi.fetch(PROJECT, f"{PROJECT}-{version}.tar.gz", sha256)
        with tempfile.TemporaryDirectory() as folder:
            unpack(archive, pathlib.Path(folder))
            commit = add_commit(repository, folder, version, date)
        print(version, commit, flush=True)


def imported(repository):
    """The number of releases that the branch has."""
    if not repository.exists() or not tip(repository):
        return 0
    return int(git(repository, "rev-list", "--count", BRANCH))


def tip(repository):
    """The newest commit of the branch, or an empty text."""
    return git(repository, "for-each-ref", "--format=%(objectname)", f"refs/heads/{BRANCH}")


def unpack(archive, folder):
    """Write the regular files of a source distribution, without its top folder."""
    with tarfile.open(archive) as members:
        for member in members:
            parts = pathlib.PurePosixPath(member.name).parts[1:]
            if not member.isreg() or not parts or parts[0] in GENERATED:
                continue
            if ".." in parts or member.size > MAX_MEMBER_BYTES:
                sys.exit(f"{archive}: {member.name} is refused")
            target = folder.joinpath(*parts)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(members.extractfile(member).read())


def add_commit(repository, tree_folder, version, date):
    """Commit a folder on top of the branch, through an index of its own."""
    with tempfile.TemporaryDirectory() as scratch:
        places = {"GIT_WORK_TREE": tree_folder, "GIT_INDEX_FILE": os.path.join(scratch, "index")}
        git(repository, "add", "--all", "--force", ".", cwd=tree_folder, **places)
        tree = git(repository, "write-tree", **places)
    parent = tip(repository)
    dates = {"GIT_AUTHOR_DATE": date, "GIT_COMMITTER_DATE": date}
    parents = ["-p", parent] if parent else []
    commit = git(repository, "commit-tree", tree, *parents, "-m", f"Release {version}", **dates)
    git(repository, "update-ref", f"refs/heads/{BRANCH}", commit, parent or "0" * 40)
    return commit


def git(repository, *arguments, cwd=None, **environment):
    """Run git on the bare repository and return what it printed."""
    selected = [] if arguments[0] == "init" else [f"--git-dir={repository.resolve()}"]
    done = subprocess.run(
        ["git", *selected, *arguments],
        cwd=cwd, env={**os.environ, **IDENTITY, **environment}, stdout=subprocess.PIPE, text=True, check=True,
    )
    return done.stdout.strip()


if __name__ == "__main__":
    main()
