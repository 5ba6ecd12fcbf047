/** Where the duties say what an operator should know. Fields first, as pino wants them; never a credential. */
export interface ServiceLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}
