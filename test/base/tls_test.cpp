// Two sessions talk through memory: who is trusted, and what each side says when it is not.
#include "base/tls.hpp"

#include <fstream>

#include <catch2/catch.hpp>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>

#include "support/certificates.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

using test::Authority;
using test::Validity;

struct Outcome {
  bool trusted = false;  // both sides finished
  std::string client;    // its sentence, "" if it has none
  std::string server;
  bool distrusted = false;  // by the client
};

// One side's turn: true when it is done, a sentence when it failed.
bool turn(SSL* session, std::string& sentence) {
  if (!sentence.empty()) return false;
  ERR_clear_error();
  const int done = SSL_do_handshake(session);
  if (done == 1) return true;
  if (SSL_get_error(session, done) != SSL_ERROR_WANT_READ) sentence = tls_problem(session);
  return false;
}

// TLS 1.3 lets the client finish first; what the server says to it is read then.
void read_rest(SSL* session, std::string& sentence) {
  char byte = 0;
  ERR_clear_error();
  const int got = SSL_read(session, &byte, 1);
  if (got <= 0 && SSL_get_error(session, got) != SSL_ERROR_WANT_READ)
    sentence = tls_problem(session);
}

Outcome shake(const TlsContext& server_context, const TlsContext& client_context,
              const std::string& host) {
  const TlsSession server = new_tls_server(server_context);
  const TlsSession client = new_tls_client(client_context, host);
  BIO* client_end = nullptr;
  BIO* server_end = nullptr;
  BIO_new_bio_pair(&client_end, 0, &server_end, 0);
  SSL_set_bio(client.get(), client_end, client_end);
  SSL_set_bio(server.get(), server_end, server_end);
  Outcome outcome;
  bool client_done = false;
  bool server_done = false;
  for (int round = 0; round < 10 && !(client_done && server_done); ++round) {
    client_done = client_done || turn(client.get(), outcome.client);
    server_done = server_done || turn(server.get(), outcome.server);
  }
  outcome.trusted = client_done && server_done;
  if (client_done && !server_done) read_rest(client.get(), outcome.client);
  outcome.distrusted = tls_distrusts(client.get());
  return outcome;
}

TlsContext trusting(const Authority& authority, const test::TempDir& dir) {
  const std::string file = (dir.path() / "ca.pem").string();
  std::ofstream(file) << authority.pem();
  return *tls_client_context({{}, file});
}

TEST_CASE("a pin is 43 characters and comes back") {
  const TlsKeyPair pair = make_tls_key_pair("volta");
  const KeyPin pin = *pin_of(pair.chain_pem);
  CHECK(pin_text(pin).size() == 43);
  CHECK(*parse_pin(pin_text(pin)) == pin);
  for (const std::string& wrong :
       {std::string(), std::string("abc"), pin_text(pin) + "A", std::string(43, '!'),
        std::string(42, 'A') + "B" /* bits beyond the last byte */}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_pin(wrong));
  }
  CHECK(*pin_of(make_tls_key_pair("volta").chain_pem) != pin);
}

TEST_CASE("a key and certificates come out of one text in any order") {
  const TlsKeyPair pair = make_tls_key_pair("volta");
  for (const std::string& text : {pair.key_pem + pair.chain_pem, pair.chain_pem + pair.key_pem,
                                  "a word before\n" + pair.key_pem + "\n\n" + pair.chain_pem}) {
    const TlsKeyPair split = split_pem(text);
    CHECK(split.key_pem == pair.key_pem);
    CHECK(split.chain_pem == pair.chain_pem);
  }
  for (const std::string_view torn : {"", "-----BEGIN ", "-----BEGIN CERTIFICATE-----\nMII"}) {
    CHECK(split_pem(torn).chain_pem.empty());
  }
}

TEST_CASE("a key that cannot serve says why") {
  const TlsKeyPair one = make_tls_key_pair("one");
  const TlsKeyPair other = make_tls_key_pair("other");
  const auto check = [](const TlsKeyPair& pair, const char* text) {
    const auto context = tls_server_context(pair);
    REQUIRE_FALSE(context);
    CHECK_THAT(context.error().text, Catch::Contains(text));
  };
  check({"", one.chain_pem}, "no private key");
  check({one.key_pem, ""}, "no certificate");
  check({one.key_pem, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"},
        "no certificate");
  check({one.key_pem, other.chain_pem}, "not that of the certificate");
  CHECK(tls_server_context(one));
}

TEST_CASE("a pinned key is trusted whatever its certificate says, another one never") {
  const Authority authority;
  const TlsKeyPair own = make_tls_key_pair("volta");
  const TlsKeyPair expired = authority.issue("DNS:elsewhere.example", {-10, -5});
  for (const TlsKeyPair& pair : {own, expired}) {
    const auto outcome = shake(*tls_server_context(pair),
                               *tls_client_context({pin_of(pair.chain_pem).value(), ""}), "volta");
    CHECK(outcome.trusted);
  }
  const auto outcome = shake(*tls_server_context(expired),
                             *tls_client_context({pin_of(own.chain_pem).value(), ""}), "volta");
  CHECK_FALSE(outcome.trusted);
  CHECK(outcome.distrusted);
  CHECK_THAT(outcome.client, Catch::Contains("not the one that is pinned") &&
                                 Catch::Contains(pin_text(*pin_of(expired.chain_pem))));
  CHECK_THAT(outcome.server, Catch::Contains("expects another key"));
}

TEST_CASE("without a pin the certificate must be signed, valid and for the name") {
  const test::TempDir dir;
  const Authority authority;
  const Authority stranger("another authority");
  const TlsContext client = trusting(authority, dir);
  const auto with = [&](const TlsKeyPair& pair, const std::string& host) {
    return shake(*tls_server_context(pair), client, host);
  };
  const std::string names = "DNS:volta.example,IP:192.0.2.7";
  CHECK(with(authority.issue(names), "volta.example").trusted);
  CHECK(with(authority.issue(names), "192.0.2.7").trusted);

  const auto check = [](const Outcome& outcome, const char* client_says, const char* server_says) {
    CHECK_FALSE(outcome.trusted);
    CHECK(outcome.distrusted);
    CHECK_THAT(outcome.client, Catch::Contains(client_says));
    CHECK_THAT(outcome.server, Catch::Contains(server_says));
  };
  check(with(authority.issue(names), "other.example"), "another name: volta.example",
        "asked for another name");
  check(with(authority.issue(names), "192.0.2.8"), "another name", "asked for another name");
  check(with(authority.issue(names, {-10, -5}), "volta.example"), "expired on", "expired");
  check(with(authority.issue(names, {5, 10}), "volta.example"), "not valid before",
        "another name than this certificate is for, or cannot read it");
  check(with(stranger.issue(names), "volta.example"), "no authority that is trusted",
        "trusts nobody");
  check(with(make_tls_key_pair("volta"), "volta.example"), "no authority that is trusted",
        "trusts nobody");
}

TEST_CASE("a file of authorities that is none is an error with its name") {
  const test::TempDir dir;
  const std::string file = (dir.path() / "ca.pem").string();
  CHECK_THAT(tls_client_context({{}, file}).error().text, Catch::Contains(file));
  std::ofstream(file) << "hello\n";
  CHECK_THAT(tls_client_context({{}, file}).error().text, Catch::Contains(file));
}

TEST_CASE("who does not speak TLS, or only an old version, is told apart") {
  const TlsContext context = *tls_server_context(make_tls_key_pair("volta"));
  const TlsSession server = new_tls_server(context);
  BIO* in = BIO_new_mem_buf("GET / HTTP/1.1\r\nHost: a\r\n\r\n", -1);
  SSL_set_bio(server.get(), in, BIO_new(BIO_s_mem()));
  std::string sentence;
  CHECK_FALSE(turn(server.get(), sentence));
  CHECK(sentence == "it does not speak TLS");

  const TlsContext old = *tls_client_context({Sha256{}, ""});
  SSL_CTX_set_security_level(old.get(), 0);
  SSL_CTX_set_min_proto_version(old.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(old.get(), TLS1_1_VERSION);
  const auto outcome = shake(context, old, "volta");
  CHECK_FALSE(outcome.trusted);
  CHECK_THAT(outcome.client, Catch::Contains("no version of TLS"));
  CHECK_THAT(outcome.server, Catch::Contains("no version of TLS"));
}

}  // namespace
}  // namespace volta
