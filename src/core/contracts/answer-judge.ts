/** A policy's judgement of one answer of an http route, by its body. Made when the answer's head is there. */
export interface AnswerJudge {
  /** Of the body; of a longer one it is told that there is none to judge. */
  readonly maxBytes: number;
  /** Nothing of the answer is given before the judgement. Else it flows, and is judged beside. */
  readonly holds: boolean;
  /**
   * The body has come whole, as the upstream sent it; null: it was too long, or broke off. Comes before the receipt.
   * @throws Fault in place of the answer, where it is held.
   */
  onBody(bytes: Buffer | null): void;
}
