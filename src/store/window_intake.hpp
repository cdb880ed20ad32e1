// Windows that outlived their samples, and samples that come for them: what an archive brings back,
// a repeat, or something new. Pure.
//
// What could be among the samples that a window has counted (no earlier and no later, no less and
// no greater, and no more of them) is taken for a copy of these, so that nothing counts twice;
// else it is new. Once the samples that are there could be all that was counted, they are believed.
#pragma once

#include "store/window_merge.hpp"

namespace volta {

// The windows of what comes, without the samples that `counted` can have counted already. Where
// more could be copies than a window has counted, some are new and all of them stay.
WindowColumn windows_of_new(const WindowColumn& counted, const SampleSlice& samples,
                            std::int64_t step_ms);

// `fresh`: the samples that come; `all`: these and what is still there of older ones.
Window taken_in(const Window& counted, const Window& fresh, const Window& all);
// Window by window; each of the three may lack some.
WindowColumn taken_in(const WindowColumn& counted, const WindowColumn& fresh,
                      const WindowColumn& all);

// The windows as one that ends at `end_ms`; of count 0 if they hold no sample.
Window joined(const WindowColumn& windows, std::int64_t end_ms);

// Samples in all windows of the column.
std::uint64_t count_of(const WindowColumn& windows);

}  // namespace volta
