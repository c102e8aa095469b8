/* Another program that is spoken to by lines, each with an answer of a line. */
#ifndef HTH_PROGRAM_H
#define HTH_PROGRAM_H

#include "base/base.h"

#include <sys/types.h>

typedef struct hth_program {
    const char *command; /* for /bin/sh; the caller owns it */
    double timeout;      /* seconds that an answer may take */
    pid_t pid;           /* 0: it does not run */
    int socket;          /* its standard input and output */
    char *line;          /* the answer, and what has come of the next */
    size_t room, used;   /* of line */
} hth_program;

/* Says a line, without its end, and waits for the answer, *answer, which is valid until the next call; starts the
 * program if it does not run. HTH_FILE when it cannot be started, has ended, says nothing in time, or says more than
 * `most` bytes in a line; HTH_NO_MEMORY. It does not run any more then. */
hth_status hth_program_ask(hth_program *program, const char *line, size_t most, const char **answer,
                           hth_error *error);
/* Closes its input and waits for it to end; after a second it is killed. */
void hth_program_end(hth_program *program);

#endif
