/* How many cores this process may use. Internal. */
#ifndef HTH_KERNELS_CORES_H
#define HTH_KERNELS_CORES_H

/* At least 1: the cores that the process may run on, but no more than the time that its control group
 * has a second, rounded up. 1 in a core that is built alone. */
int hth_cores(void);

/* For tests. A text of cpu.max, "QUOTA PERIOD" or "max PERIOD": the quota in cores, rounded up; 0 where
 * there is none. */
int hth_cores_of_quota(const char *text);

/* The least quota of the groups that `groups` names, a text as in /proc/self/cgroup, and of all groups
 * above them; 0: none. mount: "/sys/fs/cgroup". */
int hth_cores_of_groups(const char *groups, const char *mount);

#endif
