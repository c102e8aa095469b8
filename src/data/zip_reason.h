/* Why libzip could not do something. */
#ifndef HTH_ZIP_REASON_H
#define HTH_ZIP_REASON_H

#include "base/base.h"

#include <zip.h>

/* A reason for a person, valid as long as `error`. *status: HTH_NO_MEMORY if memory ran out, otherwise HTH_FILE. */
const char *hth_zip_reason(zip_error_t *error, hth_status *status);

#endif
