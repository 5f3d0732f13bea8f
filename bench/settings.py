"""What is measured: the shipped settings, with the empty view of `bench.floor` beside the API."""

from ledgerlink.settings import *  # noqa: F403 - the shipped ones, all of them

ROOT_URLCONF = "bench.floor"
