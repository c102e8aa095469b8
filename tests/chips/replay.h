/* Replay on a chip, with the calls of the core: see replay.c. */
#ifndef REPLAY_H
#define REPLAY_H

#include <stddef.h>

/* 1 if a network has learned with replay in memory[bytes], and with these bits where the chip `fuses` multiply-add. */
int replay_learns(void *memory, size_t bytes, int fuses);

#endif
