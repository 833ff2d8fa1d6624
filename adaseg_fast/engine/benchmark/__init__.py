# SPDX-License-Identifier: Apache-2.0
"""The time of each operation beside that of its rival."""
