/* How many cores this process may use. Internal. */
#ifndef HTH_KERNELS_CORES_H
#define HTH_KERNELS_CORES_H

/* The cores that the process may run on, at most the processor seconds that its control group grants a second,
 * rounded up. At least 1. Always 1 with HTH_CORE_ONLY. */
int hth_cores(void);

/* For tests. A text of cpu.max, "QUOTA PERIOD" or "max PERIOD": the quota in cores, rounded up; 0 where
 * there is none. */
int hth_cores_of_quota(const char *text);

/* The smallest quota among the control groups in `groups` (a text as in /proc/self/cgroup) and all groups above them;
 * 0: none has a quota. mount: "/sys/fs/cgroup". */
int hth_cores_of_groups(const char *groups, const char *mount);

#endif
