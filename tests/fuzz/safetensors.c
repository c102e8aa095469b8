/* A safetensors file: listed, and restored into fields of the first tensors' names. */
#include "files/safetensors.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    enum { MOST = 4, NUMBERS = 64 };
    static uint64_t room[MOST][NUMBERS];
    hth_safetensors *file;
    hth_error error = {.message = ""};
    fuzz_write("a.safetensors", data, size);
    hth_status status = hth_safetensors_open(fuzz_path("a.safetensors"), &file, &error);
    fuzz_refused(status, &error);
    if (status != HTH_OK) return 0;
    size_t count, fields = 0;
    hth_field field[MOST];
    hth_metadata about;
    const hth_tensor *list = hth_safetensors_list(file, &count);
    for (size_t i = 0; i < count && fields < MOST; i++) {
        if (list[i].count > NUMBERS || strlen(list[i].name) >= sizeof field[0].name) continue;
        const bool is_u64 = strcmp(list[i].dtype, "U64") == 0;
        field[fields] = (hth_field){.dtype = is_u64 ? HTH_DTYPE_U64 : HTH_DTYPE_REAL,
                                    .count = (size_t)list[i].count,
                                    .data = room[fields]};
        snprintf(field[fields].name, sizeof field[0].name, "%s", list[i].name);
        fields++;
    }
    for (size_t i = 0; hth_safetensors_metadata_at(file, i, &about); i++)
        if (!hth_safetensors_metadata(file, about.key)) abort();
    for (unsigned flags = 0; flags < 4; flags++)
        fuzz_refused(hth_safetensors_restore(file, field, fields, flags, &error), &error);
    hth_safetensors_close(file);
    return 0;
}
