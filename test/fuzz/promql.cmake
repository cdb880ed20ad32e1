volta_fuzz(promql LINK volta_query)
