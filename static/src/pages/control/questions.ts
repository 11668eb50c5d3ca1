const asking = /[?？]|吗|多少|什么|怎么|哪|几|有没有|能不能|可不可以|是不是|啥|求链接|\b(how|what|when|where|which|who|why|can|does|do|is|are|any)\b/i

/** A line that the host would want to answer: a question mark, or the words that Chinese and English ask with. */
export function isQuestion(text: string): boolean {
  return asking.test(text)
}
