/* Another program that is spoken to by lines, each with an answer of a line. */
#ifndef HTH_PROGRAM_H
#define HTH_PROGRAM_H

#include "base/base.h"

#include <sys/types.h>

typedef struct hth_program {
    /* For /bin/sh; or unix:PATH, where a program listens at the socket of that path already. The caller owns it. */
    const char *command;
    double timeout;    /* seconds that an answer may take */
    bool runs;         /* the socket is open */
    pid_t pid;         /* 0: it was not started here */
    int socket;        /* its standard input and output, or its end of the connection */
    char *line;        /* the answer, and what has come of the next */
    size_t room, used; /* of line */
} hth_program;

/* Says a line, without its end, and waits for the answer, *answer, which is valid until the next call; starts the
 * program, or connects to it, if it does not run. HTH_FILE when it cannot be started, has ended, says nothing in time,
 * or says more than `most` bytes in a line; HTH_NO_MEMORY. It does not run any more then. */
hth_status hth_program_ask(hth_program *program, const char *line, size_t most, const char **answer,
                           hth_error *error);
/* Closes its input and, if it was started here, waits for it to end; after a second it is killed. */
void hth_program_end(hth_program *program);

#endif
