// Remote write bodies, 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request),
// already uncompressed (snappy_block.hpp), both ways.
//   1.0: WriteRequest{1 timeseries, 3 metadata}, TimeSeries{1 labels, 2 samples, 3 exemplars,
//        4 histograms}, Label{1 name, 2 value}, Sample{1 double value, 2 int64 ms},
//        MetricMetadata{1 type, 2 family, 4 help, 5 unit}
//   2.0: Request{4 symbols, 5 timeseries}, TimeSeries{1 packed label refs, 2 samples, 3 histograms,
//        4 exemplars, 5 metadata}, Metadata{1 type, 3 help ref, 4 unit ref}; symbols[0] is "".
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"
#include "model/sample_sink.hpp"

namespace volta {

enum class WriteVersion : std::uint8_t { v1, v2 };

// Which message a request announces. Content-Type decides: application/x-protobuf with no `proto`
// parameter (or no Content-Type at all, as early senders have it) is 1.0. Empty: unknown, answer
// 415; also where X-Prometheus-Remote-Write-Version names a major version above 2. Header values
// as they came, "" where absent.
std::optional<WriteVersion> announced_write_version(std::string_view content_type,
                                                    std::string_view version_header);
// Content-Encoding: snappy is the only one there is; any case. False: answer 415.
bool write_encoding_known(std::string_view content_encoding);
// What a sender says: Content-Type and X-Prometheus-Remote-Write-Version.
std::string_view write_content_type(WriteVersion version);
std::string_view write_version_header(WriteVersion version);

struct WriteLimits {
  std::size_t most_bytes = 32U << 20U;  // of the message, uncompressed
  std::size_t most_series = 200'000;
  std::size_t most_samples = 2'000'000;
  std::size_t most_symbols = 500'000;          // 2.0
  std::size_t most_label_bytes = 128U << 20U;  // of all series' labels, were they decoded; 2.0 can
                                               // say a long label often with few bytes
  // Of one series; one that goes beyond is refused alone.
  std::size_t most_labels = 128;
  std::size_t longest_name = 1024;
  std::size_t longest_value = 4096;
};

// A message in columns. The key of a series is its labels as 1.0 says them, whichever version it
// came in; nobody has looked yet whether they keep the rules (samples.labels does).
struct WriteColumns {
  KeyedSamples samples;              // series without samples among them
  std::shared_ptr<const void> keys;  // what keys lie in that do not lie in the message
  std::vector<MetricMetadata> metadata;
  // Left out since they have no key (a reference points outside of the symbols, a label that 2.0
  // may repeat is too long), and why the first of them.
  std::size_t refused_series = 0;
  std::size_t refused_empty = 0;  // of these, such that had no samples
  std::size_t refused_samples = 0;
  std::string why;
  // Left out without complaint: volta keeps neither.
  std::size_t exemplars = 0;
  std::size_t histograms = 0;
};

// Samples of a series come out in rising time whatever order they came in; of two for one time the
// last stays. An Error (400): the message is broken or beyond a limit; then nothing may be written.
// The message has to outlive the answer. Nothing is allocated per series or sample.
Result<WriteColumns> decode_write_columns(WriteVersion version, std::string_view message,
                                          const WriteLimits& limits);

struct WriteRequest {
  std::vector<LabeledSamples> series;  // what can be written; a series may stand in it twice
  std::size_t samples = 0;             // of these
  std::vector<MetricMetadata> metadata;
  // Left out, and why the first of them (whole sentence): the answer is 400 once the rest is
  // written. A series is refused whole where its labels are unsorted, repeated, empty, not
  // Prometheus' names, not UTF-8, too many or too long, where __name__ is missing, or where a
  // reference points outside of the symbols.
  std::size_t refused_series = 0;
  std::size_t refused_samples = 0;
  std::string why;
  // Left out without complaint: volta keeps neither.
  std::size_t exemplars = 0;
  std::size_t histograms = 0;
};

// The same with the labels of each series.
Result<WriteRequest> decode_write_request(WriteVersion version, std::string_view message,
                                          const WriteLimits& limits);

struct WriteBatchLimits {
  std::size_t most_samples = 2000;
  std::size_t most_bytes = 1U << 20U;  // of the message; a single longer sample goes alone
};

struct EncodedWrite {
  std::string message;  // not yet compressed
  std::size_t series = 0;
  std::size_t samples = 0;
};

// Messages that hold all of it, in the given order; a series that does not fit goes on in the next
// message. The same input and limits give the same bytes. 1.0 carries the metadata in the first
// message; 2.0 with each series whose `__name__` (or whose name without _bucket, _sum, _count) it
// names. Requires what LabeledSamples promises.
std::vector<EncodedWrite> encode_write_requests(WriteVersion version,
                                                std::span<const LabeledSamples> series,
                                                std::span<const MetricMetadata> metadata,
                                                const WriteBatchLimits& limits);

}  // namespace volta
