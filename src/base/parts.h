/*
 * Which parts a build has. Here: all. A build for a small chip puts a file of this name before this one on its path of
 * includes, and defines those lists of parts in it that shall be shorter (HTH_CELLS, HTH_PASTS, ...; CMakeLists.txt).
 */
