/* libzip tells memory that ran out in two ways: as its own "Malloc failure", and as an error of the system. */
#include "data/zip_reason.h"

#include <errno.h>

const char *hth_zip_reason(zip_error_t *error, hth_status *status) {
    const bool starved =
        zip_error_code_zip(error) == ZIP_ER_MEMORY ||
        (zip_error_system_type(error) == ZIP_ET_SYS && zip_error_code_system(error) == ENOMEM);
    *status = starved ? HTH_NO_MEMORY : HTH_FILE;
    return starved ? "not enough memory" : zip_error_strerror(error);
}
