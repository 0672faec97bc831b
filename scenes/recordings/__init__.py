"""Recordings of posed colour and depth: readers of many layouts, one writer, and a check of what they hold."""

from scenes.recordings.detect import FORMATS, open_recording
from scenes.recordings.formats.nerfstudio_writer import write_nerfstudio
from scenes.recordings.inspection import RecordingReport, inspect
from scenes.recordings.reading.base import Gravity, Recording, RecordingError
from scenes.recordings.reading.new_folder import new_folder

__all__ = [
    "FORMATS",
    "Gravity",
    "Recording",
    "RecordingError",
    "RecordingReport",
    "inspect",
    "new_folder",
    "open_recording",
    "write_nerfstudio",
]
