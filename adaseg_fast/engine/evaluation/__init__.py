# SPDX-License-Identifier: Apache-2.0
"""How well models, or points alone, do on frames with labels: measures, records, charts."""
