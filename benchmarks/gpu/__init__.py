# SPDX-License-Identifier: Apache-2.0
"""What benchmarks on a GPU share, and what ``gpu_check.sh`` runs beside them."""
