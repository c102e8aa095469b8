/* The catalogue of cells. */
#include "network/cells/cells.h"
#include "network/catalogues.h"

#define LIST(name) HTH_EVERY_LEVEL(hth_cell_##name),
static const hth_cell *const cells[][HTH_LEVEL_COUNT] = {HTH_CELLS(LIST)};

const hth_cell *hth_cell_at(size_t index) {
    return cells[index][hth_level];
}

static const hth_part *part_at(size_t index) {
    return &cells[index][HTH_LEVEL_PLAIN]->part;
}

const hth_catalogue hth_cells = {
    .kind = "cell",
    .summary = "The unit of the recurrent layers: a forward formula and its local derivatives.",
    .key = "cell.name",
    .fallback = "rate",
    .common = {"cell", NULL, 0},
    .count = HTH_COUNT(cells),
    .at = part_at,
    .each_table = hth_cells_each_table,
    .names = hth_cells_names,
};
