# SPDX-License-Identifier: Apache-2.0
"""One file per data set: where its files lie, and how its labels become class numbers.

A reader for files derives from `PairedFrames` and gives it the pairs of files and a way to read
the labels of one pair. The table in `adaseg_fast.data` names each reader.
"""
