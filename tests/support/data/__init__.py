# SPDX-License-Identifier: Apache-2.0
"""Data sets and pictures that tests write."""
