# SPDX-License-Identifier: Apache-2.0
"""What several operations share, as in ``csrc/cpu/common``: the sampling grid and the label map."""
