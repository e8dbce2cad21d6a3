/** Policies that operators write: how they are read, looked at and run. What they are written against is `policy.ts`. */
export { definitionTools } from './definition-tools.ts';
export { describedKinds } from './describe-policy.ts';
export { inspectPolicies } from './inspect-policies.ts';
export { OwnPolicies } from './own-policies.ts';
export { PolicyFolderWatch } from './watch-policy-folder.ts';
export { PolicyFileError } from './policy-file-error.ts';
export { readPolicyFolder } from './read-policy-folder.ts';
