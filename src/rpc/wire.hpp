// The model's values as Cap'n Proto structs and back. Pure functions. Reading checks all that the
// schema cannot say; where the message itself is broken (a pointer out of bounds), Cap'n Proto's
// own kj::Exception passes through.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include <capnp/common.h>

#include "base/result.hpp"
#include "model/link.hpp"
#include "rpc/volta.capnp.h"

namespace volta::rpc {

constexpr std::size_t kLongestFacts = 64U << 10U;
constexpr std::size_t kLongestHostName = 255;
constexpr std::size_t kLongestVersion = 64;
// Sentences and identifiers that a server sends; longer ones are cut.
constexpr std::size_t kLongestSentence = 1024;

using SeriesReader = capnp::List<wire::SeriesDef>::Reader;
using SeriesBuilder = capnp::List<wire::SeriesDef>::Builder;

void write_hello(const Hello& hello, wire::Hello::Builder out);
Result<Hello> read_hello(wire::Hello::Reader in);

// Empty if it is not 16 bytes long.
std::optional<RunId> read_run(capnp::Data::Reader in);

void write_series(std::span<const SeriesDef> series, SeriesBuilder out);
// Refuses more than `most`.
Result<std::vector<SeriesDef>> read_series(SeriesReader in, std::size_t most);
// How many of `series`, from the front, make one define() of reasonable size; at least 1 unless
// empty.
std::size_t series_for_one_call(std::span<const SeriesDef> series);
// Upper bound of what write_series makes of them.
std::size_t words_of(std::span<const SeriesDef> series);

struct BadBatch {
  BatchFault fault;
  std::string text;
};
void write_batch(const EncodedBatch& batch, wire::Session::PushParams::Builder out);
std::variant<EncodedBatch, BadBatch> read_batch(wire::Session::PushParams::Reader in);
std::size_t words_of(const EncodedBatch& batch);

void write_outcome(const PushOutcome& outcome, wire::Session::PushResults::Builder out);
// Of the push of `seq` into that run. Never Acknowledged unless the outcome is good.
LinkEvent read_outcome(std::uint64_t seq, Lane lane, wire::Session::PushResults::Reader in);
std::size_t words_of(const PushOutcome& outcome);

void write_refusal(const Refusal& refusal, wire::Refusal::Builder out);
Refusal read_refusal(wire::Refusal::Reader in);

// Everything of it but the session.
void write_welcome(const Welcome& welcome, wire::Welcome::Builder out);
Welcome read_welcome(wire::Welcome::Reader in);

// At most kLongestSentence bytes, not cut within a UTF-8 sequence; control characters become
// blanks.
std::string read_sentence(capnp::Text::Reader in);

}  // namespace volta::rpc
