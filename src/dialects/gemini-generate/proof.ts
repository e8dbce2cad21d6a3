/** Accepted in the place of a proof that is not known. https://ai.google.dev/gemini-api/docs/thought-signatures#faqs */
export const noProof = 'skip_thought_signature_validator';

/** A proof is nothing where it stands for none. */
export const proofOf = (signature: string | null): string | null =>
  signature === '' || signature === noProof || signature === 'context_engineering_is_the_way_to_go'
    ? null
    : signature;
