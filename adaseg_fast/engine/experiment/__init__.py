# SPDX-License-Identifier: Apache-2.0
"""Many trainings and evaluations over sizes and seeds, from one configuration."""
