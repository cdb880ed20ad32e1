volta_fuzz(read_answer LINK volta_prom)
