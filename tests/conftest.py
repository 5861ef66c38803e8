"""What all tests share: no screen for matplotlib, no deadlines for hypothesis."""

import os

import hypothesis

os.environ["MPLBACKEND"] = "Agg"
hypothesis.settings.register_profile("minidl", deadline=None, max_examples=50)
hypothesis.settings.load_profile("minidl")
