#include "http/head_parser.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/text.hpp"

namespace volta {
namespace {

namespace beast_http = boost::beast::http;

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

HeadRefusal refusal_for(const boost::beast::error_code& error) {
  if (error == beast_http::error::header_limit) {
    return {431, "header_too_large", "the request head is longer than this server accepts"};
  }
  return {400, "bad_request", "the request head is not HTTP"};
}

}  // namespace

struct HeadParser::Impl {
  explicit Impl(std::size_t most) : most_bytes(most) {}
  State refuse(const HeadRefusal& why) {
    refusal = why;
    return State::refused;
  }

  std::size_t most_bytes;
  beast_http::request_parser<beast_http::empty_body> parser;
  std::size_t consumed = 0;
  HeadRefusal refusal;
};

HeadParser::HeadParser(std::size_t most_bytes) : impl_(std::make_unique<Impl>(most_bytes)) {
  impl_->parser.header_limit(static_cast<std::uint32_t>(most_bytes));
  // The body is read by its length, which request_rules judges; the parser only sees the head.
  impl_->parser.body_limit(boost::none);
}
HeadParser::HeadParser(HeadParser&& other) noexcept = default;
HeadParser& HeadParser::operator=(HeadParser&& other) noexcept = default;
HeadParser::~HeadParser() = default;

HeadParser::State HeadParser::put(std::string_view received) {
  // Beast counts its limit anew as it goes on line by line, so the sum is checked here.
  const std::string_view most = received.substr(0, impl_->most_bytes);
  while (!impl_->parser.is_header_done()) {
    const std::string_view rest = most.substr(impl_->consumed);
    boost::beast::error_code error = beast_http::error::need_more;
    if (!rest.empty()) {
      impl_->consumed += impl_->parser.put(boost::asio::buffer(rest.data(), rest.size()), error);
    }
    if (error == beast_http::error::need_more) {
      const bool full = received.size() >= impl_->most_bytes;
      return full ? impl_->refuse(refusal_for(beast_http::error::header_limit)) : State::need_more;
    }
    if (error) return impl_->refuse(refusal_for(error));
  }
  if (has_folded_line(received.substr(0, impl_->consumed))) {
    return impl_->refuse({400, "folded_header", "a header line goes on in the next line"});
  }
  return State::done;
}

std::size_t HeadParser::consumed() const { return impl_->consumed; }
const HeadRefusal& HeadParser::refusal() const { return impl_->refusal; }

RequestHead HeadParser::head() const {
  const auto& message = impl_->parser.get();
  RequestHead head;
  head.method = std::string(view(message.method_string()));
  head.target = std::string(view(message.target()));
  head.version = static_cast<int>(message.version());
  for (const auto& field : message) {
    head.headers.emplace_back(to_lower(view(field.name_string())),
                              std::string(trim(view(field.value()))));
  }
  return head;
}

}  // namespace volta
