# SPDX-License-Identifier: Apache-2.0
"""Checks that take minutes to hours; the tests beside them run each in short."""
