# SPDX-License-Identifier: Apache-2.0
"""Checks that take minutes to hours. The tests beside them run a short version of each."""
