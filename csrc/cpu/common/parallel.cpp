// SPDX-License-Identifier: Apache-2.0
// Tells whether this process is a forked child; see parallel.h.
#include "cpu/common/parallel.h"

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace adaseg {

namespace {
bool forked = false;

#if defined(__unix__) || defined(__APPLE__)
[[maybe_unused]] const int registered = pthread_atfork(nullptr, nullptr, [] { forked = true; });
#endif
} // namespace

bool in_forked_child() { return forked; }

} // namespace adaseg
