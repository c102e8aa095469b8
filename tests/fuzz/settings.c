/* A settings file: what is accepted is written, and reads back to the same. */
#include "fuzz.h"
#include "settings/config.h"

static hth_config *load(const char *name, hth_status *status) {
    hth_config *config;
    hth_error error = {.message = ""};
    if (hth_config_create(&config, &error)) abort();
    *status = hth_config_load(config, fuzz_path(name), &error);
    fuzz_refused(*status, &error);
    if (*status == HTH_OK) {
        *status = hth_config_validate(config, &error);
        fuzz_refused(*status, &error);
    }
    return config;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hth_status status;
    hth_error error = {.message = ""};
    fuzz_write("s.yaml", data, size);
    hth_config *config = load("s.yaml", &status);
    if (status == HTH_OK && hth_config_write(config, fuzz_path("t.yaml"), &error) == HTH_OK) {
        hth_config *again = load("t.yaml", &status);
        if (status != HTH_OK) {
            fprintf(stderr, "what was written is refused\n");
            abort();
        }
        hth_config_destroy(again);
    }
    hth_config_destroy(config);
    return 0;
}
