// Frames without magic are in zstd since 1.3 behind this switch.
#define ZSTD_STATIC_LINKING_ONLY
#include "store/zstd_frame.hpp"

#include <string>

#include <zstd.h>

#include "base/error.hpp"

namespace volta {
namespace {

ZSTD_CCtx* as_compressor(void* context) { return static_cast<ZSTD_CCtx*>(context); }
ZSTD_DCtx* as_decompressor(void* context) { return static_cast<ZSTD_DCtx*>(context); }

std::size_t zstd_done(std::size_t answer) {
  if (ZSTD_isError(answer) != 0) throw Failure(std::string("zstd: ") + ZSTD_getErrorName(answer));
  return answer;
}

}  // namespace

void ZstdCompressor::Free::operator()(void* context) const {
  ZSTD_freeCCtx(as_compressor(context));
}
void ZstdDecompressor::Free::operator()(void* context) const {
  ZSTD_freeDCtx(as_decompressor(context));
}

ZstdCompressor::ZstdCompressor() : matches_(ZSTD_createCCtx()), codes_(ZSTD_createCCtx()) {
  for (void* context : {matches_.get(), codes_.get()}) {
    if (context == nullptr) throw std::bad_alloc();
    ZSTD_CCtx* cctx = as_compressor(context);
    zstd_done(ZSTD_CCtx_setParameter(cctx, ZSTD_c_format, ZSTD_f_zstd1_magicless));
    zstd_done(ZSTD_CCtx_setParameter(cctx, ZSTD_c_contentSizeFlag, 0));
    zstd_done(ZSTD_CCtx_setParameter(cctx, ZSTD_c_checksumFlag, 0));
    zstd_done(ZSTD_CCtx_setParameter(cctx, ZSTD_c_compressionLevel, 3));
  }
  ZSTD_CCtx* codes = as_compressor(codes_.get());
  zstd_done(ZSTD_CCtx_setParameter(codes, ZSTD_c_compressionLevel, 1));
  zstd_done(ZSTD_CCtx_setParameter(codes, ZSTD_c_strategy, ZSTD_fast));
  zstd_done(ZSTD_CCtx_setParameter(codes, ZSTD_c_minMatch, 7));
  zstd_done(ZSTD_CCtx_setParameter(codes, ZSTD_c_literalCompressionMode, ZSTD_lcm_huffman));
}

void ZstdCompressor::compress(std::span<const std::byte> plain, ZstdEffort effort, Bytes& out) {
  ZSTD_CCtx* cctx = as_compressor((effort == ZstdEffort::codes ? codes_ : matches_).get());
  out.resize(ZSTD_compressBound(plain.size()));
  out.resize(zstd_done(ZSTD_compress2(cctx, out.data(), out.size(), plain.data(), plain.size())));
}

std::optional<std::size_t> ZstdDecompressor::decompress(std::span<const std::byte> frame,
                                                        std::span<std::byte> plain) {
  if (context_ == nullptr) {
    context_.reset(ZSTD_createDCtx());
    if (context_ == nullptr) throw std::bad_alloc();
    zstd_done(ZSTD_DCtx_setParameter(as_decompressor(context_.get()), ZSTD_d_format,
                                     ZSTD_f_zstd1_magicless));
  }
  const std::size_t answer = ZSTD_decompressDCtx(as_decompressor(context_.get()), plain.data(),
                                                 plain.size(), frame.data(), frame.size());
  if (ZSTD_isError(answer) != 0) return std::nullopt;
  return answer;
}

}  // namespace volta
