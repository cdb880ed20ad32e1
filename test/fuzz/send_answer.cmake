volta_fuzz(send_answer LINK volta_prom)
