/* The reason codes as one C enum for kernel and user space; the words live in reasons.def. */
#ifndef SLUICE_REASONS_H
#define SLUICE_REASONS_H

enum sluice_reason {
#define SLUICE_REASON(id, class_, origin, meaning, next) SLUICE_REASON_##id,
#include "reasons.def"
#undef SLUICE_REASON
  SLUICE_REASON_COUNT
};

#endif
