/*
 * Which parts a build has. Here: all. A build for a small chip puts a file of this name before this one on its path of
 * includes, and defines those lists of parts in it that shall be shorter (HTH_CELLS, HTH_PASTS, ...; CMakeLists.txt).
 * It may say too how many layers a network has at most (HTH_MOST_LAYERS, 2 or more) and how many numbers a step may lay
 * on the stack (HTH_ROOM): that takes kilobytes from the stack. It changes no result but that of the past rank-one (UORO),
 * which adds up piece by piece.
 */
