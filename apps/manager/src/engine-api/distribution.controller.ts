import { Controller, Get, Param } from '@nestjs/common';
import { isImageReference } from '../../../../libs/model/src/index.js';
import { ApiError } from '../http/api-error.js';
import type { Json } from './json-output.js';

/**
 * The digest behind an image name. Managers ask no registry: nodes pull, and each task says what it got. So only a
 * reference that carries its digest has an answer; for any other the CLI warns and goes on with the name.
 */
@Controller('distribution')
export class DistributionController {
  @Get('*')
  inspect(@Param('*') path: string): Json {
    const reference = path.replace(/\/json$/, '');
    if (!isImageReference(reference)) throw new ApiError(400, `invalid reference format: ${reference}`);
    const digest = /@(sha256:[0-9a-f]{64})$/.exec(reference)?.[1];
    if (!digest) throw new ApiError(404, `${reference}: managers resolve no image names; nodes pull it when a task needs it`);
    return { Descriptor: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: 0 }, Platforms: [] };
  }
}
