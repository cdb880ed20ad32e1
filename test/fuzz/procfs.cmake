volta_fuzz(procfs LINK volta_collect)
