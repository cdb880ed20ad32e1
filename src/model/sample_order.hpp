// Samples into the order that LabeledSamples promises.
#pragma once

#include "model/sample_sink.hpp"

namespace volta {

// Rising times; of several samples for one time the last stays. Copies only where they are not in
// order already. As many values as times.
void put_in_order(LabeledSamples& samples);
// The same for the end of two columns, from `first` on.
void put_in_order(std::vector<std::int64_t>& times_ms, std::vector<double>& values,
                  std::size_t first);

}  // namespace volta
