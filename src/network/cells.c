/* The cells: one line each. */
#include "network/cells/cells.h"
#include "network/catalogues.h"

static const hth_cell *const cells[] = {
    &hth_cell_rate, &hth_cell_rate_pre, &hth_cell_lstm,
    &hth_cell_gru,  &hth_cell_lif,      &hth_cell_alif,
};

const hth_cell *hth_cell_at(size_t index) {
    return cells[index];
}

static const hth_part *part_at(size_t index) {
    return &cells[index]->part;
}

const hth_catalogue hth_cells = {
    .kind = "cell",
    .summary = "The unit of the recurrent layers: a forward formula and its local derivatives.",
    .key = "cell.name",
    .fallback = "rate",
    .common = {"cell", NULL, 0},
    .count = HTH_COUNT(cells),
    .at = part_at,
};
